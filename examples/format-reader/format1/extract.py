"""Putting the files of a snapshot into a new folder."""

import os
import stat

from .errors import FormatError, corrupt


class Extraction:
    """Extracts into `target`, which must be new or empty. Nothing is followed that was not made here: every file is
    made in an open folder, and that folder in another, up to the target."""

    def __init__(self, repository, target):
        self.repository = repository
        self.target = target
        # What could not be done, and where.
        self.problems = []
        # The folders that are open, from the target down: key, descriptor, entry.
        self.folders = []
        # First names of files with several.
        self.links = {}

    def run(self, root):
        os.makedirs(self.target, exist_ok=True)
        if os.listdir(self.target):
            raise FormatError("already_exists", "the target is not empty", self.target)
        self.folders = [(None, os.open(self.target, os.O_RDONLY | os.O_DIRECTORY), None)]
        try:
            for entry in self.repository.entries(root, self.problems.append):
                try:
                    self.entry(entry)
                except FormatError as error:
                    self.problems.append(error.named(entry.path.decode(errors="replace")))
                except OSError as error:
                    self.problem(entry, error)
        finally:
            while self.folders:
                self.leave()
        return self.problems

    def problem(self, entry, error):
        self.problems.append(FormatError("io", str(error), entry.path.decode(errors="replace")))

    def leave(self):
        """Ends the innermost folder: its metadata comes last, or its times would change again."""
        _, descriptor, entry = self.folders.pop()
        if entry is not None:
            self.metadata(entry, descriptor, None)
        os.close(descriptor)

    def entry(self, entry):
        if not entry.key:
            if entry.kind != "directory":
                raise corrupt("the root is not a folder")
            self.folders[0] = (b"", self.folders[0][1], entry)
            return
        parent, _, name = entry.key.rpartition(b"\0")
        while (self.folders[-1][0] or b"") != parent:
            if len(self.folders) == 1:
                raise corrupt("its folder is not in the tree, or is no folder")
            self.leave()
        folder = self.folders[-1][1]
        if entry.kind == "directory":
            os.mkdir(name, 0o700, dir_fd=folder)
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            self.folders.append((entry.key, descriptor, entry))
            return
        if entry.hard_link is not None:
            first = self.links.setdefault(entry.hard_link, entry.path)
            if first != entry.path:
                target = self.folders[0][1]
                os.link(first, name, src_dir_fd=target, dst_dir_fd=folder, follow_symlinks=False)
                return
        if entry.kind == "file":
            self.file(entry, folder, name)
        elif entry.kind == "symlink":
            os.symlink(entry.target, name, dir_fd=folder)
        elif entry.kind == "fifo":
            os.mkfifo(name, 0o600, dir_fd=folder)
        else:
            kinds = {"socket": stat.S_IFSOCK, "char_device": stat.S_IFCHR, "block_device": stat.S_IFBLK}
            device = os.makedev(*entry.device) if entry.device else 0
            os.mknod(name, 0o600 | kinds[entry.kind], device, dir_fd=folder)
        self.metadata(entry, folder, name)

    def file(self, entry, folder, name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            for offset, piece in self.repository.pieces(entry):
                while piece:
                    written = os.pwrite(descriptor, piece, offset)
                    offset, piece = offset + written, piece[written:]
            os.ftruncate(descriptor, entry.size)
        finally:
            os.close(descriptor)

    def metadata(self, entry, folder, name):
        """Sets the metadata of `name` in an open folder, or of that folder itself."""
        if name is None:
            place, by_path, options = folder, f"/proc/self/fd/{folder}", {}
        else:
            place, options = name, {"dir_fd": folder, "follow_symlinks": False}
            by_path = b"/proc/self/fd/%d/%s" % (folder, name)
        steps = []
        if os.geteuid() == 0:
            steps.append(lambda: os.chown(place, *entry.owner[:2], **options))
        if entry.kind != "symlink":
            # There is no chmod that does not follow links; this is none, for it was just made.
            chmod_options = {} if name is None else {"dir_fd": folder}
            steps.append(lambda: os.chmod(place, entry.mode, **chmod_options))
        for attribute, value in entry.xattrs:
            follow = {"follow_symlinks": name is None}
            steps.append(lambda attribute=attribute, value=value: os.setxattr(by_path, attribute, value, **follow))
        seconds, nanos = entry.modified
        time = seconds * 10**9 + nanos
        steps.append(lambda: os.utime(place, ns=(time, time), **options))
        for step in steps:
            try:
                step()
            except (OSError, OverflowError) as error:
                self.problem(entry, error)
