"""Tables, figures and measurements of networks."""
