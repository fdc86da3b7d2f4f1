"""The contract: rules that a backbone is checked against."""
