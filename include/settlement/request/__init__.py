"""What a request says, how a broker's nets, and how a refused one is narrowed down."""
