//! What this device remembers of a repository, so that storage cannot show it another owner or an older device list.

use super::Store;
use super::devices::DeviceList;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{hex, unhex};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

const OWNER: &str = "owner";
const GENERATION: &str = "device-list-generation";

impl Store {
    /// Compares owner and device list with what was seen before, where there is a state folder, and remembers them.
    /// A state folder that cannot be written protects nothing and stops nothing.
    ///
    /// `reached` is the newest epoch of the keys before the list was read. No key of an epoch is handed out before
    /// the list names it, so even without a state folder keys tell an older list from the newest.
    pub(crate) fn check_pins(&self, devices: &DeviceList, reached: u32) -> Result<()> {
        if devices.epoch() < reached {
            let detail = format!(
                "storage shows epoch {} in the device list, and the key that was used reaches epoch {reached}: newer \
                 lists, and maybe revocations in them, are withheld",
                devices.epoch()
            );
            return Err(Error::new(ErrorKind::Untrusted, "read the device list").detail(detail));
        }
        let Some(folder) = self.state_folder() else { return Ok(()) };
        let owner = self.keys().owner_public().to_bytes();
        match read(folder, OWNER).as_deref().and_then(unhex::<32>) {
            Some(seen) if seen != owner => {
                return Err(Error::new(ErrorKind::Untrusted, "open the repository").object(self.backend().location()).detail(
                    "its owner's key is not the one this device saw before: somebody replaced the repository, or it was \
                     made anew (then delete its folder in the state folder)",
                ));
            }
            Some(_) => {}
            None => write(folder, OWNER, &hex(&owner)),
        }
        let generation = devices.generation();
        let seen = read(folder, GENERATION).and_then(|text| text.parse::<u32>().ok());
        if let Some(seen) = seen
            && generation < seen
        {
            let detail = format!(
                "storage shows generation {generation} of the device list, and this device saw {seen} before: newer \
                 lists, and maybe revocations in them, are withheld"
            );
            return Err(Error::new(ErrorKind::Untrusted, "read the device list").detail(detail));
        }
        if seen != Some(generation) {
            write(folder, GENERATION, &generation.to_string());
        }
        Ok(())
    }
}

fn read(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned())
}

fn write(folder: &Path, name: &str, value: &str) {
    let store = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let random = crate::crypto::random::<8>().map_err(io::Error::other)?;
        let temporary = folder.join(format!(".tmp-{}", hex(&random)));
        fs::File::create_new(&temporary)?.write_all(value.as_bytes())?;
        fs::rename(&temporary, folder.join(name))
    };
    let _ = store();
}
