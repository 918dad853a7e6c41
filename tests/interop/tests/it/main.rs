//! Services that others wrote, each in a file of its own. `run.sh` installs them and runs the tests.

mod azurite;
mod moto;
mod s3rver;
mod service;
mod shared_store;
