//! Sending the user to the server's page.

use poggio::reqwest::Url;
use tokio::task;

use crate::show::print;

/// Opens the page in the user's browser; prints its address where that is asked for, or where there
/// is no browser. The address holds the state: it is printed for the user alone.
pub(crate) async fn send_to(url: &Url, is_printed: bool) {
    if !is_printed {
        let target = url.to_string();
        // Apart from this program, which Ctrl-C ends. It takes a moment to see whether that works.
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
