"""Search for light-weight medical image segmentation networks, and train and measure what is found, with MONAI.

The method follows Zhang, Zhong and Mao, "Neural Architecture Search for Light-weight Medical Image Segmentation
Network", Computer Science 49(10), 2022, 183-190."""
