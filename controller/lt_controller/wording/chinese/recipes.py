"""配方：运行时的提示、配方中的问题、所需资源。"""

EVENTS = {
    "tracker_missing": "{python} 中没有安装 {tracker}，不会向它上报。写进 env.packages 即可安装",
}
