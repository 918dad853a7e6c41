//! A keyring in memory, around the mock of `keyring_core`, whose calls a test can observe and fail.

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

/// A call of an entry; `Probe` calls are of the entry that only checks whether the keyring works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Put,
    Get,
    Delete,
    ProbePut,
    ProbeGet,
    ProbeDelete,
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Before,
    After,
}

type Hook = Box<dyn FnMut(When, Call) -> Result<(), Error> + Send>;

pub(crate) struct MockKeyring {
    entries: Arc<mock::Store>,
    hook: Arc<Mutex<Hook>>,
    /// The maximum length of an entry, in bytes.
    limit: Option<u32>,
}

impl MockKeyring {
    pub(crate) fn new() -> Arc<Self> {
        let hook: Hook = Box::new(|_, _| Ok(()));
        let entries = mock::Store::new().unwrap();
        Arc::new(Self { entries, hook: Arc::new(Mutex::new(hook)), limit: None })
    }

    /// Returns a keyring whose entries have at most so many bytes, as on Windows.
    pub(crate) fn with_limit(limit: u32) -> Arc<Self> {
        let Ok(keyring) = Arc::try_unwrap(Self::new()) else { unreachable!("it is not shared") };
        Arc::new(Self { limit: Some(limit), ..keyring })
    }

    fn set_hook(&self, hook: impl FnMut(When, Call) -> Result<(), Error> + Send + 'static) {
        *self.hook.lock().unwrap() = Box::new(hook);
    }

    /// Runs this before each later call, which fails with its error. Replaces an earlier hook.
    pub(crate) fn before(&self, mut hook: impl FnMut(Call) -> Result<(), Error> + Send + 'static) {
        self.set_hook(move |when, call| if when == When::Before { hook(call) } else { Ok(()) });
    }

    /// Runs this after each later call that succeeded. Replaces an earlier hook.
    pub(crate) fn after(&self, mut hook: impl FnMut(Call) + Send + 'static) {
        self.set_hook(move |when, call| {
            if when == When::After {
                hook(call);
            }
            Ok(())
        });
    }

    /// Fails every call of this kind.
    pub(crate) fn fail(&self, failing: Call, error: impl Fn() -> Error + Send + 'static) {
        self.before(move |call| if call == failing { Err(error()) } else { Ok(()) });
    }

    /// Removes the hook.
    pub(crate) fn reset(&self) {
        self.set_hook(|_, _| Ok(()));
    }

    /// Returns the names and contents of all entries.
    pub(crate) fn entries(&self) -> BTreeMap<String, String> {
        let mut store = self.entries.inner.lock().unwrap();
        let entries = store.get_mut().iter().filter_map(|entry| {
            assert_eq!(entry.specifiers.0, "poggio");
            let content = entry.inner.lock().unwrap().get_mut().secret.clone()?;
            Some((entry.specifiers.1.clone(), String::from_utf8(content).unwrap()))
        });
        entries.collect()
    }

    pub(crate) fn put(&self, name: &str, content: &str) {
        self.entries.build("poggio", name, None).unwrap().set_password(content).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        self.entries.build("poggio", name, None).unwrap().delete_credential().unwrap();
    }

    pub(crate) fn store(self: &Arc<Self>) -> Arc<CredentialStore> {
        Arc::clone(self) as _
    }
}

impl CredentialStoreApi for MockKeyring {
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
        Ok(Entry::new_with_credential(Arc::new(HookedEntry {
            entry: self.entries.build(service, user, modifiers)?,
            is_probe: user.starts_with("write test"),
            hook: Arc::clone(&self.hook),
            limit: self.limit,
        })))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    /// Prints secrets, as a careless keyring does.
    fn debug_fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.entries())
    }
}

struct HookedEntry {
    entry: Entry,
    is_probe: bool,
    hook: Arc<Mutex<Hook>>,
    limit: Option<u32>,
}

impl HookedEntry {
    fn call<T>(
        &self,
        call: Call,
        probe: Call,
        work: impl FnOnce(&Entry) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let call = if self.is_probe { probe } else { call };
        (self.hook.lock().unwrap())(When::Before, call)?;
        let result = work(&self.entry)?;
        (self.hook.lock().unwrap())(When::After, call)?;
        Ok(result)
    }
}

impl CredentialApi for HookedEntry {
    fn set_secret(&self, secret: &[u8]) -> Result<(), Error> {
        if let Some(limit) = self.limit.filter(|limit| secret.len() > *limit as usize) {
            return Err(Error::TooLong("secret".to_owned(), limit));
        }
        self.call(Call::Put, Call::ProbePut, |entry| entry.set_secret(secret))
    }

    fn get_secret(&self) -> Result<Vec<u8>, Error> {
        self.call(Call::Get, Call::ProbeGet, Entry::get_secret)
    }

    fn delete_credential(&self) -> Result<(), Error> {
        self.call(Call::Delete, Call::ProbeDelete, Entry::delete_credential)
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
