"""The service: what the store, the streams and the analyses can do, over HTTP (``docs/reference/service.md``).

An application is made from its parts (:func:`mien.service.app.create_app`); nothing here is global.
"""
