//! Many registrations, a bounded number at once, at one pace.

use std::{panic, sync::Arc};

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::Client;
use crate::{ClientInformation, ClientMetadata, Error, transport::Pace};

impl Client {
    /// Registers every client of `clients`, up to `concurrency` at once, and returns the results
    /// as they come, each with the key that its metadata was given with.
    ///
    /// Each registration is one [`register`](Self::register), with these differences:
    ///
    /// * Where the server refuses one for now (429, or 503 with `Retry-After`), all of them hold
    ///   still until the time it named, and then begin again one by one. Such waits do not count
    ///   towards [`timeout`](crate::ClientBuilder::timeout), but as retries of the one that was
    ///   refused.
    /// * A `Retry-After` of more than 60 seconds is an error at once, as it is for a single
    ///   registration. Until it has passed, what follows is not sent but gets the same error, with
    ///   [`attempts`](Error::attempts) 0 and the wait that is left.
    ///
    /// An item is taken from `clients` when there is room for it, and sent at once; with a
    /// `concurrency` of 0, which counts as 1, one at a time. Registrations go on while the stream
    /// is not polled, so a slow reader loses no answer; no more than `concurrency` results wait
    /// for it. To stop without loss, let the iterator end and read the stream to its end: where it
    /// is dropped, what is under way is dropped, and its outcome is
    /// [`Unknown`](crate::Outcome::Unknown).
    ///
    /// # Panics
    ///
    /// The stream has to be polled within a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use poggio::{ClientMetadata, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let server = Server::start().await;
    /// let customers = ["acme", "globex", "initech"].map(|customer| {
    ///     let uri = format!("https://{customer}.example/callback");
    ///     (customer, ClientMetadata::new().with_redirect_uri(uri))
    /// });
    ///
    /// let mut results = server.client().register_all(customers, 2);
    /// while let Some((customer, result)) = results.next().await {
    ///     match result {
    ///         Ok(client) => println!("{customer}: {}", client.client_id),
    ///         Err(error) => eprintln!("{customer}: {error}"),
    ///     }
    /// }
    /// assert_eq!(server.registrations().len(), 3);
    /// # }
    /// ```
    pub fn register_all<K, I>(
        &self,
        clients: I,
        concurrency: usize,
    ) -> impl Stream<Item = (K, Result<ClientInformation, Error>)> + Unpin + use<K, I>
    where
        I: IntoIterator<Item = (K, ClientMetadata)>,
    {
        let concurrency = concurrency.max(1);
        let pace = Arc::new(Pace::new(concurrency));
        let client = self.clone();
        let calls = clients.into_iter().map(move |(key, metadata)| {
            let (client, pace) = (client.clone(), Arc::clone(&pace));
            let call = async move { client.register_at(&metadata, Some(pace)).await };
            // A task of its own: it goes on while nobody polls the stream.
            let task = Task(tokio::spawn(call.in_current_span()));
            async move { (key, task.finished().await) }
        });
        Box::pin(stream::iter(calls).buffer_unordered(concurrency))
    }
}

/// A task that ends with what waits for it.
struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    async fn finished(mut self) -> T {
        match (&mut self.0).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => panic::resume_unwind(panic),
                // The runtime is shutting down: nobody waits for this any more.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
