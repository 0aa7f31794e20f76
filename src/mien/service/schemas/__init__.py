"""What requests and answers look like: a file a resource. The store's records never leave as they are."""
