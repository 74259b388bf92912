"""How a server gets Beringia, in words for messages."""

START = (
    "a Spark Connect server has Beringia if it is started with the plugin, whose jar the package carries:\n"
    "    start-connect-server.sh --jars beringia-spark-….jar --conf spark.plugins=org.beringia.spark.BeringiaPlugin\n"
    "or, within a process of Python, with its settings:\n"
    '    SparkSession.builder.remote("local[*]").config(map=beringia.spark.conf()).getOrCreate()'
)
