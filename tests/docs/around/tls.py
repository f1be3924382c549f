import tritonclient.grpc as triton

client = (
# BLOCK
)
assert client.is_server_live()
