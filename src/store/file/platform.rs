//! Functions of the operating system: modes, owners, and safe ways to open a file. The rules about
//! them are in `access`.

#[cfg_attr(unix, path = "platform/unix.rs")]
#[cfg_attr(not(unix), path = "platform/not_unix.rs")]
mod system;

pub(super) use self::system::{
    create_folder, is_file_at, is_transient, mode_and_owner, open_options, restore_owner_mode,
    sync_folder, user,
};
