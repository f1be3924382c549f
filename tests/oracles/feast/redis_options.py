"""Feast's Redis client's reading of a connection string's options: TLS or not, and its checks of the server's certificate.

Pins: feast==0.67.0, redis==7.4.1.
Run: python tests/oracles/feast/redis_options.py > tests/fixtures/feast/redis-options.json
"""
import json
import ssl

from feast.infra.online_stores.redis import RedisOnlineStore
from redis import Redis, SSLConnection

VALUES = ["", "true", "True", "TRUE", "false", "False", "FALSE", "1", "0", "-1", "00", "0.0", "-0", "1.5", "2", "yes", "no", "on", "off", "null", "none", "None",
          " true", " false", "false ", '"true"', '"false"', '"1"', '"0"', '""', '" "', "[]", "[0]", "{}", '{"a":1}', "NaN", "0e9", "1e-400", "'false'", '"true', "true\""]
CHECKS = ["none", "optional", "required", '"none"', '"required"', "null", "0", "1"]


def made(text):
    """[TLS, verifies certificate, verifies host name], or the error's name."""
    nodes, options = RedisOnlineStore._parse_connection_string(text)
    try:
        pool = Redis(host=nodes[0]["host"], port=nodes[0]["port"], **options).connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
    except Exception as error:
        return type(error).__name__
    if not isinstance(connection, SSLConnection):
        return [False]
    return [True, connection.cert_reqs != ssl.CERT_NONE, bool(connection.check_hostname)]


texts = [f"h:1,ssl={value}" for value in VALUES] + ["h:1"]
texts += [f"h:1,ssl=true,ssl_check_hostname={value}" for value in VALUES]
texts += [f"h:1,ssl=true,ssl_cert_reqs={value}" for value in CHECKS]
print(json.dumps({text: made(text) for text in texts}, indent=0))
