"""What a settlement request says: its identity, lines, notes and digest; how a broker's nets."""
