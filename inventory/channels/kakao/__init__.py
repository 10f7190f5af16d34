"""KakaoTalk Store."""
