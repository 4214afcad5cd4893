"""What the official account (服务号) and the mini program (小程序) share: WeChat's own API, its callbacks and its typed fields."""
