@"%~dp0node.exe" --disable-warning=ExperimentalWarning "%~dp0app\main.js" %*
