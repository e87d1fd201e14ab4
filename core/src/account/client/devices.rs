//! Devices.

use super::Account;
use crate::account::client::credentials::Credentials;
use crate::account::flow::{AddDevice, open_master_key};
use crate::account::transport::Method;
use crate::account::wire::{Capabilities, Device, EnrolDevice, RenameDevice, Request, read_response};
use crate::context::Context;
use crate::error::{Result, invalid};
use crate::format::device::DeviceRequest;
use crate::id::DeviceId;

impl Account {
    /// Adds a device, which its own request names. With `master_key_too`, the device gets the master key, sealed to it,
    /// and so can read every vault of the account.
    ///
    /// # Errors
    /// Those of every call of an [`AccountClient`](super::AccountClient);
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) without the master key,
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when the device belongs to an account.
    pub fn add_device(
        &self,
        device: &DeviceRequest,
        grants: Capabilities,
        master_key_too: bool,
        ctx: &Context,
    ) -> Result<Device> {
        let operation = EnrolDevice::OPERATION;
        let master_key = self.needed_master_key(operation)?;
        let now = self.requester.now();
        let (add, call) = AddDevice::start(self.id(), master_key, device, grants, master_key_too, now)?;
        add.answered(&self.call(&call, ctx, operation)?)
    }

    /// The devices of the account, those that were revoked included.
    ///
    /// # Errors
    /// Those of every call.
    pub fn devices(&self, ctx: &Context) -> Result<Vec<Device>> {
        self.list("/v1/devices", ctx, "list the devices")
    }

    /// One device.
    ///
    /// # Errors
    /// Those of every call; [`NotFound`](crate::ErrorKind::NotFound) when it is none of the account.
    pub fn device(&self, device: &DeviceId, ctx: &Context) -> Result<Device> {
        self.get(&format!("/v1/devices/{device}"), ctx, "read a device")
    }

    /// Opens the master key that was sealed to this device, and keeps it in what is returned.
    ///
    /// # Errors
    /// Those of every call; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) in a session, which has it already;
    /// those of [`open_master_key`].
    pub fn open_master_key(&self, ctx: &Context) -> Result<Account> {
        let operation = "open the master key with the device's key";
        let Credentials::Device(own) = &*self.credentials else {
            return Err(invalid(operation, "a session has the master key already"));
        };
        let listed = self.device(&own.key.id(), ctx)?;
        let master_key = open_master_key(&listed, &own.key)?;
        Ok(Account { master_key: Some(master_key), ..self.clone() })
    }

    /// Gives a device another name.
    ///
    /// # Errors
    /// Those of every call; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that cannot be.
    pub fn rename_device(&self, device: &DeviceId, name: &str, ctx: &Context) -> Result<Device> {
        let message = RenameDevice { name: name.to_owned() };
        let answer = self.change(Method::Patch, &format!("/v1/devices/{device}"), &message, ctx)?;
        read_response(&answer, RenameDevice::OPERATION)
    }

    /// Revokes a device: its tokens stop counting at once. What it knew, it may still know; vaults whose content it could
    /// read go on under new keys once [rotated](crate::Repository::rotate).
    ///
    /// # Errors
    /// Those of every call; [`NotFound`](crate::ErrorKind::NotFound) when it is none of the account.
    pub fn revoke_device(&self, device: &DeviceId, ctx: &Context) -> Result<()> {
        self.do_it(Method::Delete, &format!("/v1/devices/{device}"), ctx, "revoke the device").map(drop)
    }
}
