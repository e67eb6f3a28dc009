//! Every test of the product from outside, one module per contract or promise.

mod activity_sessions;
mod aktion_guard;
mod aktion_login;
mod arrows;
mod binaries;
mod guessing;
mod late_writes;
mod lockfile;
mod netwrix_sign_in;
mod races;
mod round_trips;
mod sdm_action;
mod sdm_devices;
mod sdm_session;
mod secrets;
mod session_lock;
mod session_races;
mod sign_in;
mod somebody_can_act;
mod store_rules;
mod template;
mod unknown_callers;
mod user_lock;
mod users;
