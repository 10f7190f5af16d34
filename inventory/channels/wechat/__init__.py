"""WeChat 微信小店."""
