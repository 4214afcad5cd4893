"""WeCom (企业微信): callback, API client, 微信客服 (kf), application messages, customer contact."""
