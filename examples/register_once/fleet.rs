//! Runs many copies of this program on one store at the same time.

use std::{
    env,
    io::{self, Read, Write},
    path::Path,
    process::Stdio,
    time::Instant,
};

use poggio::{Client, ClientInformation, ClientMetadata, Error, FileStore, testing::Server};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

use crate::{
    NOT_REGISTERED,
    show::{Failure, print},
};

/// Starts the copies, shows what each of them did, and shows how many requests the server got.
pub(crate) async fn run(
    count: u16,
    store: Option<&Path>,
    redirect_uris: &[String],
) -> Result<(), u8> {
    let failed = |error: io::Error| {
        let problem = error.to_string();
        let help = "check that this program may start processes and write temporary files";
        Failure {
            what: "the fleet could not be started",
            location: format!("--fleet {count}"),
            problem,
            help,
        }
        .report()
    };
    // Removed at the end: its clients exist only at the embedded server.
    let folder = tempfile::tempdir().map_err(failed)?;
    let temporary = folder.path().join("client.json");
    let store = store.unwrap_or(&temporary);
    let server = Server::start().await;
    server.use_random_ids();

    print(&format!("starting {count} at once on {}\n\n", store.display()));
    let rows = start(count, |command| {
        command.arg("--base-url").arg(server.base_url()).arg("--store").arg(store);
        for uri in redirect_uris {
            command.arg("--redirect-uri").arg(uri);
        }
    });
    let mut all_succeeded = true;
    print("process  result          time  client_id\n");
    for (i, row) in rows.await.map_err(failed)?.iter().enumerate() {
        all_succeeded &= row.is_some();
        print(&format!("{:<7}  {}\n", i + 1, row.as_deref().unwrap_or("failed")));
    }
    let requests = server.requests().len();
    let times = if requests == 1 { "request" } else { "requests" };
    print(&format!("\nthe server counted {requests} {times}\n"));
    if requests == 1 && all_succeeded { Ok(()) } else { Err(NOT_REGISTERED) }
}

/// Runs the copies; returns the line that each printed, or `None` for a copy that failed.
async fn start(count: u16, configure: impl Fn(&mut Command)) -> io::Result<Vec<Option<String>>> {
    // All copies start at the same time: they wait until this pipe is closed.
    let (start_gate, open_end) = io::pipe()?;
    let mut copies = Vec::new();
    for _ in 0..count {
        let mut command = Command::new(env::current_exe()?);
        configure(command.arg("--member"));
        command.stdin(Stdio::from(start_gate.try_clone()?)).kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        copies.push(Copy::new(command.spawn()?)?);
    }
    for copy in &mut copies {
        // Reads "ready", or the end of output if the copy failed.
        copy.output.read_line(&mut String::new()).await?;
    }
    drop(open_end);
    let mut rows = Vec::new();
    for mut copy in copies {
        let mut row = String::new();
        copy.output.read_to_string(&mut row).await?;
        let result = copy.process.wait_with_output().await?;
        // Printed here, so that the lines of the copies do not mix.
        eprint!("{}", String::from_utf8_lossy(&result.stderr));
        rows.push(result.status.success().then(|| row.trim_end().to_owned()));
    }
    Ok(rows)
}

/// A running copy.
struct Copy {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Copy {
    fn new(mut process: Child) -> io::Result<Self> {
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { process, output: BufReader::new(output) })
    }
}

/// Runs as one of the copies: waits for the start, gets the client from `register_once`, and prints
/// one line.
pub(crate) async fn member(
    poggio: &Client,
    metadata: &ClientMetadata,
    store: &FileStore,
) -> Result<ClientInformation, Error> {
    print("ready\n");
    let _ = io::stdout().flush();
    // Blocking is fine: nothing else runs before the start.
    let _ = io::stdin().read_to_end(&mut Vec::new());

    let start = Instant::now();
    let client = poggio.register_once(metadata, store).await?;
    let what = if client.response().is_some() { "registered" } else { "waited" };
    let (elapsed, id) = (
        start.elapsed().as_millis(),
        client.client_id.escape_debug().take(300).collect::<String>(),
    );
    print(&format!("{what:<10}  {elapsed:>5} ms  {id}\n"));
    Ok(client)
}
