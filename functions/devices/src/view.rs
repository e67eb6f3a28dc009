use holdfast::dialect::Node;
use holdfast::id::Login;
use holdfast::lock::Timestamp;
use holdfast::store::DeviceRow;

/// A device as its users see it, with the lock that holds now.
pub(crate) fn device(device: &DeviceRow, reader: &Login, now: Timestamp) -> Node {
    let mut members = vec![
        ("id", Node::text(device.id.as_str())),
        ("name", Node::text(&device.name)),
        ("ip", Node::text(&device.ip)),
        ("description", Node::text(&device.description)),
        ("nfId", Node::text(&device.network_function_id)),
        ("nfName", Node::text(&device.network_function_name)),
        ("softwareInfo", Node::text(&device.software_info)),
        ("connectivityStatus", Node::text(&device.connectivity_status)),
    ];
    let state = &device.lock.state;
    if let Some(lock) = state.live(now) {
        let mut lock_members = vec![
            ("owner", Node::text(lock.owner.as_str())),
            ("since", Node::text(lock.since.to_string())),
        ];
        lock_members.extend(lock.until.map(|until| ("until", Node::text(until.to_string()))));
        lock_members.push((
            "fence",
            Node::Number(i64::try_from(state.fence().get()).unwrap_or(i64::MAX)),
        ));
        lock_members.push(("mine", Node::Bool(lock.owner == reader.to_owner())));
        members.push(("lock", Node::Members(lock_members)));
    }
    Node::Members(members)
}
