"""The three products' flows and Holdfast's own, with the Python client that was generated from the document."""

import datetime
import os

import httpx
from holdfast_client import AuthenticatedClient, Client
from holdfast_client.api.aktion_next import aktion_lock_user, aktion_login, aktion_read_user
from holdfast_client.api.history import read_history
from holdfast_client.api.locks import break_lock, check_locks, hold_lock, list_locks, read_lock, release_lock
from holdfast_client.api.netwrix_privilege_secure import (netwrix_first_step, netwrix_lock_sessions, netwrix_read_session,
                                                          netwrix_renew_token, netwrix_second_step)
from holdfast_client.api.session_delivery_manager import (sdm_device_action, sdm_list_devices, sdm_login, sdm_logout,
                                                          sdm_read_device)
from holdfast_client.models import (AktionCredentials, AktionUserLock, BreakRequest, CheckRequest, HeldFence, HeldOffProblem,
                                    HoldRequest, Kind, LiveSessionRequest, NetwrixCredentials, SdmCredentials, SdmDeviceAction)
from holdfast_client.models.sdm_device_action_type import SdmDeviceActionType
from people import DIRECTORY, code, user

URL = os.environ["HOLDFAST_URL"]
# Whatever proxy this machine has, it does not lead to the machine itself.
HTTPX = {"trust_env": False}
# Without it the Session Delivery Manager answers a GET in XML, which the client does not read.
JSON = {"Accept": "application/json"}


def must(response, status):
    assert response.status_code == status, f"{response.status_code}, not {status}: {response.content.decode()}"
    assert response.headers["x-request-id"], "an answer without its id"
    return response.parsed


def anyone(**more):
    return Client(base_url=URL, httpx_args=HTTPX, headers=JSON, **more)


def sdm(login):
    body = SdmCredentials(user_name=login, password=user(login)["password"])
    session = must(sdm_login.sync_detailed("v1.3", client=anyone(), body=body), 200)
    return anyone(cookies={"JSESSIONID": session.session_id})


def machine():
    body = AktionCredentials(user_login="admin", api_key=user("admin")["api_key"])
    return str(must(aktion_login.sync_detailed(client=anyone(), body=body), 200).token)


def bearer(token):
    return AuthenticatedClient(base_url=URL, token=token, httpx_args=HTTPX)


def person(login):
    body = NetwrixCredentials(login=login, password=user(login)["password"])
    first = must(netwrix_first_step.sync_detailed(client=anyone(), body=body), 200)
    return bearer(must(netwrix_second_step.sync_detailed(client=bearer(first), body=code(login)), 200))


def devices():
    alice, bob = sdm("alice"), sdm("bob")
    lock, unlock = (SdmDeviceAction(type_=kind) for kind in (SdmDeviceActionType.LOCK, SdmDeviceActionType.UNLOCK))

    def act(who, body, **more):
        return sdm_device_action.sync_detailed("v1.3", "ID5", client=who, body=body, **more)

    first = act(alice, lock, timeout="Second-600")
    must(first, 204)
    assert first.headers["timeout"].startswith("Second-")
    refused = must(act(bob, lock), 423)
    assert refused.lock.owner == "alice", refused
    device = must(sdm_read_device.sync_detailed("v1.3", "ID5", client=bob), 200)
    assert device.lock.owner == "alice" and not device.lock.mine, device
    page = must(sdm_list_devices.sync_detailed("v1.3", client=bob, limit=2), 200)
    assert len(page.devices) == 2 and page.next_token, page
    must(act(alice, unlock), 204)
    second = act(bob, lock)
    must(second, 204)
    assert int(second.headers["lock-fence"]) > int(first.headers["lock-fence"])
    must(act(bob, unlock), 204)
    must(sdm_logout.sync_detailed("v1.3", client=alice), 204)
    must(act(alice, lock), 401)


def users():
    client = Client(base_url=URL, httpx_args=HTTPX | {"params": {"Token": machine()}})

    def lock(value):
        return aktion_lock_user.sync_detailed(client=client, body=AktionUserLock(login_name="mona", lock=value))

    assert must(lock(1), 200).result.code == 0
    assert must(lock(1), 403).result.code == 0
    mona = must(aktion_read_user.sync_detailed(client=client, login_name="mona"), 200)
    assert mona.blocked and mona.blocked_by == "admin", mona
    assert must(lock(0), 200).result.message == "Processed with result: ExecOK"


def sessions(admin):
    session = DIRECTORY["activity_sessions"][0]["id"]

    def lock(locked):
        body = LiveSessionRequest(activity_session_ids=[session], locked=locked, lock_activity=True, lock_resource=True)
        return must(netwrix_lock_sessions.sync_detailed(client=admin, body=body), 200)

    assert lock(True).locked
    further = must(netwrix_renew_token.sync_detailed(client=admin), 200)
    seen = must(netwrix_read_session.sync_detailed(session, client=bearer(further)), 200)
    assert seen.locked and seen.locked_by == "admin", seen
    assert not lock(False).locked


def locks():
    alice, olga, arthur = person("alice"), person("olga"), person("arthur")
    device = (Kind.DEVICE, "ID6")
    began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    held = must(hold_lock.sync_detailed(*device, client=alice, body=HoldRequest(seconds=600, title="Upgrade")), 201)
    assert held.changed and held.lock.mine, held
    assert not must(hold_lock.sync_detailed(*device, client=alice), 200).changed
    fence = HeldFence(kind=Kind.DEVICE, id="ID6", fence=held.lock.fence)
    assert must(check_locks.sync_detailed(client=bearer(machine()), body=CheckRequest(held=[fence])), 200).current == [True]
    page = must(list_locks.sync_detailed(client=arthur, kind=Kind.DEVICE, owner="alice"), 200)
    assert [one.id for one in page.locks] == ["ID6"], page
    broken = BreakRequest(fence=held.lock.fence, reason="Alice is on leave", hold_off_seconds=60)
    assert must(break_lock.sync_detailed(*device, client=olga, body=broken), 200).fence > held.lock.fence
    refused = must(hold_lock.sync_detailed(*device, client=alice), 409)
    assert isinstance(refused, HeldOffProblem) and refused.last_break.by == "olga", refused
    assert not must(release_lock.sync_detailed(*device, client=alice), 200).changed
    assert must(read_lock.sync_detailed(*device, client=arthur), 200).lock is None
    for select in ({"kind": Kind.DEVICE, "id": "ID6"}, {"actor": "olga"}, {"from_": began}):
        must(read_history.sync_detailed(client=arthur, **select), 200)
    must(read_history.sync_detailed(client=arthur), 400)


if __name__ == "__main__":
    assert httpx.get(f"{URL}/openapi.json", trust_env=False).json()["openapi"].startswith("3.1")
    devices()
    users()
    sessions(person("admin"))
    locks()
    print("the Python client walks through all four")
