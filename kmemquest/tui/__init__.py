"""The full-screen game, the only room that draws."""
