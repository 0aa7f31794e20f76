"""The vocabulary of Mien: types and rules that every other part shares."""
