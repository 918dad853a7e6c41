//! A keyring that does as it is told, around the mock of its library.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex},
};

use poggio::keyring_core::{
    CredentialStore, Entry, Error,
    api::{Credential, CredentialApi, CredentialStoreApi},
    mock,
};

/// What is asked of a keyring, of an entry that is kept or of one that only proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Put,
    Get,
    Delete,
    ProvingPut,
    ProvingGet,
    ProvingDelete,
}

/// Does something at a call, or fails it.
type Script = Box<dyn FnMut(Call) -> Result<(), Error> + Send>;

pub(crate) struct Keyring {
    entries: Arc<mock::Store>,
    before: Arc<Mutex<Script>>,
    after: Arc<Mutex<Script>>,
}

impl Keyring {
    pub(crate) fn new() -> Arc<Self> {
        let nothing = || -> Arc<Mutex<Script>> { Arc::new(Mutex::new(Box::new(|_| Ok(())))) };
        Arc::new(Self { entries: mock::Store::new().unwrap(), before: nothing(), after: nothing() })
    }

    /// From now on, this is done before each call; its error is the call's.
    pub(crate) fn before(&self, script: impl FnMut(Call) -> Result<(), Error> + Send + 'static) {
        *self.before.lock().unwrap() = Box::new(script);
    }

    /// From now on, this is done after each call that took effect.
    pub(crate) fn after(&self, mut script: impl FnMut(Call) + Send + 'static) {
        *self.after.lock().unwrap() = Box::new(move |call| {
            script(call);
            Ok(())
        });
    }

    /// Fails every call of this kind.
    pub(crate) fn fail(&self, failing: Call, error: impl Fn() -> Error + Send + 'static) {
        self.before(move |call| if call == failing { Err(error()) } else { Ok(()) });
    }

    pub(crate) fn works(&self) {
        self.before(|_| Ok(()));
        self.after(|_| {});
    }

    /// What is in there: names and contents.
    pub(crate) fn entries(&self) -> BTreeMap<String, String> {
        contents(&self.entries)
    }

    pub(crate) fn put(&self, name: &str, content: &str) {
        self.entries.build("poggio", name, None).unwrap().set_password(content).unwrap();
    }

    pub(crate) fn lose(&self, name: &str) {
        self.entries.build("poggio", name, None).unwrap().delete_credential().unwrap();
    }

    /// What looks on from inside of a script.
    pub(crate) fn looking(&self) -> impl Fn() -> BTreeMap<String, String> + Send + 'static {
        let entries = Arc::clone(&self.entries);
        move || contents(&entries)
    }

    pub(crate) fn store(self: &Arc<Self>) -> Arc<CredentialStore> {
        Arc::clone(self) as _
    }
}

fn contents(store: &mock::Store) -> BTreeMap<String, String> {
    let mut store = store.inner.lock().unwrap();
    let entries = store.get_mut().iter().filter_map(|entry| {
        assert_eq!(entry.specifiers.0, "poggio");
        let content = entry.inner.lock().unwrap().get_mut().secret.clone()?;
        Some((entry.specifiers.1.clone(), String::from_utf8(content).unwrap()))
    });
    entries.collect()
}

impl CredentialStoreApi for Keyring {
    fn vendor(&self) -> String {
        "tests".to_owned()
    }

    fn id(&self) -> String {
        "tests".to_owned()
    }

    fn build(
        &self,
        service: &str,
        user: &str,
        modifiers: Option<&HashMap<&str, &str>>,
    ) -> Result<Entry, Error> {
        Ok(Entry::new_with_credential(Arc::new(Scripted {
            entry: self.entries.build(service, user, modifiers)?,
            is_proof: user.starts_with("can this be written"),
            before: Arc::clone(&self.before),
            after: Arc::clone(&self.after),
        })))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As a keyring might that is not careful.
        write!(f, "{:?}", self.entries())
    }
}

struct Scripted {
    entry: Entry,
    is_proof: bool,
    before: Arc<Mutex<Script>>,
    after: Arc<Mutex<Script>>,
}

impl Scripted {
    fn does<T>(&self, call: Call, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let call = match call {
            Call::Put if self.is_proof => Call::ProvingPut,
            Call::Get if self.is_proof => Call::ProvingGet,
            Call::Delete if self.is_proof => Call::ProvingDelete,
            call => call,
        };
        (self.before.lock().unwrap())(call)?;
        let done = work()?;
        (self.after.lock().unwrap())(call)?;
        Ok(done)
    }
}

impl CredentialApi for Scripted {
    fn set_secret(&self, secret: &[u8]) -> Result<(), Error> {
        self.does(Call::Put, || self.entry.set_secret(secret))
    }

    fn get_secret(&self) -> Result<Vec<u8>, Error> {
        self.does(Call::Get, || self.entry.get_secret())
    }

    fn delete_credential(&self) -> Result<(), Error> {
        self.does(Call::Delete, || self.entry.delete_credential())
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>, Error> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        self.entry.get_specifiers()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
