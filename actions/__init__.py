"""Custom actions: thin, each calls one function of plans/ or tagging/. They run in process or under a stock action server."""
