"""An Issue becomes a Campaign: the audience is frozen, the rendering too, and every copy is accounted for."""
