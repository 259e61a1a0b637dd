export PYTHONPATH=$PWD/server:$PWD/compat:$PWD/clients/python:$PWD/proto/gen/python:$PWD/tests:$PWD
