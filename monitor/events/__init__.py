"""What travels: wire types, their envelope, their limits, and the schemas made from them."""
