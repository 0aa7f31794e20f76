"""The bus on Redis 8, for several processes and machines."""
