"""A small network, for tests that need some network."""

from monai_lwmisn.networks import Architecture, Edge, Genotype


def small_genotype(in_channels: int = 3, out_channels: int = 1, stem_stride: int = 2, slices: int = 1) -> Genotype:
    """One cell in each stage, four channels to a node, and every operation but zero."""
    rows = [
        (0, 0, "ghost_conv_3x3"),
        (0, 1, "identity"),
        (1, 1, "max_pool_3x3"),
        (1, 2, "dilated_conv_3x3"),
        (2, 0, "shuffle_group_conv_3x3"),
        (2, 3, "identity"),
        (3, 1, "separable_conv_3x3"),
        (3, 4, "selective_kernel_conv_3x3"),
    ]
    architecture = Architecture(
        cells={"encoder": 1, "middle": 1, "decoder": 1},
        node_width=(4, 4),
        stem_stride=stem_stride,
        slices=slices,
        in_channels=in_channels,
        out_channels=out_channels,
    )
    return Genotype(architecture, {"all": tuple(Edge(*row) for row in rows)})
