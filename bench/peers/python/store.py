"""DynamoDB: the client, the one read, the conditional writes, and rows with the types they are written with."""

import os
import random
import time

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
)

RESOURCES_TABLE = os.environ["RESOURCES_TABLE"]
IDENTITY_TABLE = os.environ["IDENTITY_TABLE"]

# How often keys that the store left unprocessed are asked for again.
ROUNDS = 4
ATTEMPTS = 3

# Once, outside the handler: its connection is kept from one request to the next.
client = boto3.client(
    "dynamodb",
    # Boto3 by itself reads only AWS_DEFAULT_REGION, which Lambda sets as well.
    region_name=os.environ["AWS_REGION"],
    config=Config(
        connect_timeout=1,
        read_timeout=1,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        # One request at a time, and in it one call after the other.
        max_pool_connections=1,
        tcp_keepalive=True,
        # What is sent is built here, never taken from a caller.
        parameter_validation=False,
    ),
)


class StoreError(Exception):
    """A store call that did not do what it should; `unavailable` where the same request may succeed later."""

    def __init__(self, message, unavailable):
        super().__init__(message)
        self.unavailable = unavailable


def corrupt(attribute):
    """A stored row that cannot be understood."""
    return StoreError(f"the stored row's attribute `{attribute}` is missing or malformed", unavailable=False)


_TRANSIENT = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ReplicatedWriteConflictException",
        "InternalServerError",
    }
)
_BUILT_WRONGLY = (NoCredentialsError, NoRegionError, ParamValidationError, PartialCredentialsError)


def _code(error):
    return error.response.get("Error", {}).get("Code", "no code")


def _classify(operation, error):
    """Sorts what the SDK reports after its own retries."""
    if isinstance(error, ClientError):
        what = f"{operation}: {_code(error)}"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if _code(error) in _TRANSIENT or status >= 500:
            return StoreError(f"the store is unavailable: {what}", unavailable=True)
        return StoreError(f"the store refuses the operation: {what}", unavailable=False)
    what = f"{operation}: {type(error).__name__}"
    if isinstance(error, _BUILT_WRONGLY):
        return StoreError(f"the call to the store was built wrongly: {what}", unavailable=False)
    return StoreError(f"the store is unavailable: {what}", unavailable=True)


def _keys_and_attributes(pks):
    return {"Keys": [{"pk": {"S": pk}} for pk in pks], "ConsistentRead": True}


def read(identity_keys, resource_keys):
    """Reads rows of both tables with strong consistency in one call: the rows by their keys.

    Keys of the two tables never meet, for each begins with the kind of its row.
    """
    pending = {IDENTITY_TABLE: _keys_and_attributes(identity_keys)}
    if resource_keys:
        pending[RESOURCES_TABLE] = _keys_and_attributes(resource_keys)
    rows = {}
    for round_ in range(ROUNDS):
        if round_ > 0:
            time.sleep((25 << round_) / 1000)
        try:
            answer = client.batch_get_item(RequestItems=pending)
        except (BotoCoreError, ClientError) as error:
            raise _classify("BatchGetItem", error) from error
        for items in answer.get("Responses", {}).values():
            for item in items:
                rows[text(item, "pk")] = item
        pending = answer.get("UnprocessedKeys")
        if not pending:
            return rows
    raise StoreError("the store is unavailable: BatchGetItem: keys left unprocessed", unavailable=True)


class ConditionFailed(Exception):
    """The row is not as the write wants it; `item` is what it is now, where it is there and was asked for."""

    def __init__(self, item):
        super().__init__()
        self.item = item


def _update(**request):
    """A conditional write.

    One that meets someone's running transaction is sent again, which the SDK's own retries leave undone.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            client.update_item(**request)
            return
        except ClientError as error:
            if _code(error) == "ConditionalCheckFailedException":
                raise ConditionFailed(error.response.get("Item")) from None
            if _code(error) != "TransactionConflictException" or attempt == ATTEMPTS:
                raise _classify("UpdateItem", error) from error
        except BotoCoreError as error:
            raise _classify("UpdateItem", error) from error
        time.sleep(random.random() * (25 << attempt) / 1000)


def update_resource(pk, expression, condition, values):
    """Writes a row that carries a lock."""
    _update(
        TableName=RESOURCES_TABLE,
        Key={"pk": {"S": pk}},
        UpdateExpression=expression,
        ConditionExpression=condition,
        ExpressionAttributeValues=values,
        ReturnValues="NONE",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )


def update_identity(pk, expression, condition, values):
    """Writes a session."""
    _update(
        TableName=IDENTITY_TABLE,
        Key={"pk": {"S": pk}},
        UpdateExpression=expression,
        ConditionExpression=condition,
        ExpressionAttributeValues=values,
    )


def warm_up(log):
    """Opens the connection that requests need, while INIT still runs at full speed.

    A session that cannot exist is read. A store that is away for a moment must not cost a cold start.
    """
    try:
        read(["session/" + "0" * 64], [])
    except StoreError as error:
        log("WARN", message=f"the store was not reached during start-up: {error}")


def S(value):
    return {"S": value}


def N(value):
    return {"N": str(value)}


def optional_text(item, name):
    value = item.get(name)
    if value is None:
        return None
    if "S" not in value:
        raise corrupt(name)
    return value["S"]


def text(item, name):
    value = optional_text(item, name)
    if value is None:
        raise corrupt(name)
    return value


def optional_number(item, name):
    value = item.get(name)
    if value is None:
        return None
    try:
        return int(value["N"])
    except (KeyError, ValueError):
        raise corrupt(name) from None


def number(item, name):
    value = optional_number(item, name)
    if value is None:
        raise corrupt(name)
    return value


def truth(item, name):
    value = item.get(name)
    if value is None or "BOOL" not in value:
        raise corrupt(name)
    return value["BOOL"]


def texts(item, name):
    """A list of strings; an absent one is empty."""
    value = item.get(name)
    if value is None:
        return []
    try:
        return [entry["S"] for entry in value["L"]]
    except KeyError:
        raise corrupt(name) from None
