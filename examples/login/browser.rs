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
            print("\nallow or deny access in your browser (--print-url prints the URL instead)\n");
            return;
        }
        print("\nthe browser could not be opened\n");
    }
    print(&format!("\nopen this URL in a browser, and allow or deny access:\n\n  {url}\n"));
}
