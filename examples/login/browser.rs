//! Sends the user to the authorization page.

use poggio::reqwest::Url;
use tokio::task;

use crate::show::print;

/// Opens the page in the user's browser. Prints the URL instead if `print_url` is set or no browser
/// can be opened. The URL contains the state, so do not write it to a log.
pub(crate) async fn open_or_print(url: &Url, print_url: bool) {
    if !print_url {
        let target = url.to_string();
        // Detached, so that Ctrl-C does not end the browser. The call blocks for a moment.
        let opening = task::spawn_blocking(move || open::that_detached(target));
        if let Ok(Ok(())) = opening.await {
            print(
                "\nyour browser opens a page: allow or deny there (if it does not: --print-url \
                 prints the address)\n",
            );
            return;
        }
        print("\nno browser could be opened\n");
    }
    print(&format!("\nopen this address in a browser, and allow or deny there:\n\n  {url}\n"));
}
