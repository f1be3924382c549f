"""A cluster of librdkafka's mock brokers, which confluent-kafka brings, and a consumer of it.

Prints {"brokers": "host:port,…"}. Each line of the input is a command as a JSON list; each has one line of output as JSON.
"""

import base64
import ctypes
import glob
import json
import os
import sys

import confluent_kafka
from confluent_kafka import Consumer, TopicPartition

POINTER = ctypes.c_void_p
folder = os.path.join(os.path.dirname(confluent_kafka.__file__), "..", "confluent_kafka.libs")
library = ctypes.CDLL(glob.glob(os.path.join(folder, "librdkafka*"))[0])


def function(name, result, *arguments):
    found = getattr(library, name)
    found.restype, found.argtypes = result, list(arguments)
    return found


INT, TEXT = ctypes.c_int, ctypes.c_char_p
conf_new = function("rd_kafka_conf_new", POINTER)
conf_set = function("rd_kafka_conf_set", INT, POINTER, TEXT, TEXT, TEXT, ctypes.c_size_t)
client_new = function("rd_kafka_new", POINTER, INT, POINTER, TEXT, ctypes.c_size_t)
cluster_new = function("rd_kafka_mock_cluster_new", POINTER, POINTER, INT)
bootstraps = function("rd_kafka_mock_cluster_bootstraps", TEXT, POINTER)
topic_create = function("rd_kafka_mock_topic_create", INT, POINTER, TEXT, INT, INT)
set_down = function("rd_kafka_mock_broker_set_down", INT, POINTER, ctypes.c_int32)
set_up = function("rd_kafka_mock_broker_set_up", INT, POINTER, ctypes.c_int32)
set_rtt = function("rd_kafka_mock_broker_set_rtt", INT, POINTER, ctypes.c_int32, INT)
push_errors = function(
    "rd_kafka_mock_push_request_errors_array", None, POINTER, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(INT)
)
clear_errors = function("rd_kafka_mock_clear_request_errors", None, POINTER, ctypes.c_int16)

count, partitions, topics = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
fault = ctypes.create_string_buffer(512)
conf = conf_new()
conf_set(conf, b"log_level", b"0", fault, 512)
cluster = cluster_new(client_new(0, conf, fault, 512), count)
for topic in topics:
    topic_create(cluster, topic.encode(), partitions, 1)
brokers = bootstraps(cluster).decode()

PRODUCE = 0


def errors(code, times):
    push_errors(cluster, PRODUCE, times, (INT * times)(*[code] * times))


def read(topic, settings):
    """All messages of a topic, in the order of each partition."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reader", "auto.offset.reset": "earliest", **settings})
    messages = []
    for partition in range(partitions):
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        consumer.assign([TopicPartition(topic, partition, 0)])
        while high > 0:
            message = consumer.poll(10)
            if message is None:
                raise RuntimeError(f"{topic} [{partition}] ends before offset {high}")
            if message.error():
                raise RuntimeError(str(message.error()))
            key, value = message.key(), message.value()
            messages.append(
                {
                    "partition": partition,
                    "offset": message.offset(),
                    "key": None if key is None else key.decode(),
                    "headers": {name: text.decode() for name, text in message.headers() or []},
                    "value": base64.b64encode(value).decode(),
                }
            )
            if message.offset() + 1 >= high:
                break
    consumer.close()
    return messages


COMMANDS = {
    "down": lambda broker: set_down(cluster, broker),
    "up": lambda broker: set_up(cluster, broker),
    "delay": lambda broker, milliseconds: set_rtt(cluster, broker, milliseconds),
    "errors": errors,
    "clear": lambda: clear_errors(cluster, PRODUCE),
    "read": read,
}


def serve():
    print(json.dumps({"brokers": brokers}), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            result = {"result": COMMANDS[name](*arguments)}
        except Exception as error:
            result = {"error": str(error)}
        print(json.dumps(result), flush=True)


serve()
os._exit(0)
