"""The client's forms, by what they are for. Every value that comes back is checked against what is offered at that moment."""
