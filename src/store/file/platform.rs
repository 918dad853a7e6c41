//! Functions of the operating system: modes, owners, safe ways to open a file, and the folder of
//! configuration files. The rules about
//! them are in `access`.

#[cfg_attr(unix, path = "platform/unix.rs")]
#[cfg_attr(not(unix), path = "platform/not_unix.rs")]
mod system;

pub(super) use self::system::{
    config_folder, create_folder, is_file_at, is_transient, mode_and_owner, open_options,
    restore_owner_mode, sync_folder, user,
};
