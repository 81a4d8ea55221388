"""A client of Stellar's network service that shares nothing with starling but the .proto.

Arguments: the directory of the .proto, and a directory to work in. Reads one JSON object per line,
{"target", "method", "request"}; answers each by one line, {"response"} or {"code", "text"}.
"""

import json
import subprocess
import sys

proto_dir, work_dir = sys.argv[1:]
subprocess.run(
    ["protoc", "--proto_path", proto_dir, "--python_out", work_dir, "network.proto", "health.proto", "reflection.proto"],
    check=True,
)
sys.path.insert(0, work_dir)

import grpc  # noqa: E402
import health_pb2  # noqa: E402
import network_pb2  # noqa: E402
import reflection_pb2  # noqa: E402
from google.protobuf import descriptor_pb2, json_format  # noqa: E402

NETWORK = network_pb2.DESCRIPTOR.services_by_name["Network"]
channels = {}


def channel(target):
    if target not in channels:
        channels[target] = grpc.insecure_channel(target)
    return channels[target]


def network(target, method, request):
    described = NETWORK.methods_by_name[method]
    message_class = lambda d: d._concrete_class  # noqa: E731
    call = channel(target).unary_unary(
        f"/{NETWORK.full_name}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_class(described.output_type).FromString,
    )
    message = json_format.ParseDict(request, message_class(described.input_type)())
    response = call(message, timeout=10)
    return json_format.MessageToDict(response, including_default_value_fields=True, preserving_proto_field_name=True)


def raw(target, path, body):
    call = channel(target).unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
    return call(bytes.fromhex(body), timeout=10).hex()


def check(target, service):
    call = channel(target).unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return call(health_pb2.HealthCheckRequest(service=service), timeout=10).status


def reflect(target, symbol):
    """The services, and the names of the messages in the file that holds the symbol."""
    call = channel(target).stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol),
    ]
    services, described = list(call(iter(asked), timeout=10))
    messages = []
    for data in described.file_descriptor_response.file_descriptor_proto:
        file = descriptor_pb2.FileDescriptorProto.FromString(data)
        messages += [message.name for message in file.message_type]
    return {
        "services": [service.name for service in services.list_services_response.service],
        "messages": messages,
        "error": described.error_response.error_code,
    }


OTHERS = {"raw": raw, "check": check, "reflect": reflect}

for line in sys.stdin:
    asked = json.loads(line)
    target, method = asked["target"], asked["method"]
    try:
        if method in OTHERS:
            answer = {"response": OTHERS[method](target, *asked["request"])}
        else:
            answer = {"response": network(target, method, asked["request"])}
    except grpc.RpcError as error:
        answer = {"code": error.code().name, "text": error.details()}
    print(json.dumps(answer), flush=True)
