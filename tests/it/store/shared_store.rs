//! `SharedStore`: hosts that start, die or are slow, and object stores that fail or lack conditional
//! writes.

mod bucket;
mod documents;
mod faults;
mod hosts;
mod s3;

use std::sync::Arc;

use poggio::store::{SharedStore, object_store::ObjectStore};

const PATH: &str = "poggio/acme.json";

fn open(bucket: &Arc<impl ObjectStore>) -> SharedStore {
    SharedStore::new(Arc::clone(bucket) as Arc<dyn ObjectStore>, PATH).unwrap()
}
