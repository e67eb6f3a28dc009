//! Every test of the product from outside, one module per contract or promise.

mod lockfile;
mod races;
mod round_trips;
mod sdm_action;
mod sdm_devices;
mod sdm_session;
mod sign_in;
mod store_rules;
