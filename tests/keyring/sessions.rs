//! Sessions whose tokens are in a keyring with a limit of 2,560 bytes, as on Windows.

use std::sync::Arc;

use poggio::{RegistrationStoreExt, oauth::Session};

use crate::{
    Fixture,
    mock_keyring::MockKeyring,
    support::session::{check_accounts, endpoints_at},
};

#[tokio::test]
async fn session_keeps_many_accounts_in_a_keyring_with_short_entries() {
    let fixture = Fixture::with_keyring(MockKeyring::with_limit(2560)).await;
    let server = endpoints_at(&fixture.server.base_url());
    let session = |account: &str| {
        let store = Arc::new(fixture.keyring_store());
        let builder = Session::builder(&fixture.poggio, store).server(server.clone());
        builder.account(account).build().unwrap()
    };
    check_accounts(&fixture.server, session).await;
    assert_eq!(fixture.keyring_store().list().await.unwrap().len(), 1);
    let entries = fixture.keyring.entries();
    assert!(entries.values().all(|content| content.len() <= 2560));
    // The secret of the client, and for each account but one an entry with two parts.
    assert!(entries.len() > 100, "{}", entries.len());
}
