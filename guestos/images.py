# SPDX-License-Identifier: GPL-2.0-or-later
"""How the guest's sources become images: kernel, user programs, measuring programs and the disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.assemble import assemble
from toolchain.disk import Device, Directory, Source, create_image

GUESTOS = Path(__file__).resolve().parent
INCLUDE = GUESTOS / "include"
DATA_PATH = "/data"
SAMPLE_PATH = "/sample"
SCENARIO = "init=/paper"
"""Boot arguments with which the kernel runs the programs of the report instead of /init, a shell."""

SYSTEM: Mapping[str, Source] = {
    "/dev/console": Device(0),
    "/dev/null": Device(1),
    "/dev/zero": Device(2),
    "/tmp": Directory(),
}
"""What the kernel expects on a disk besides programs: devices, and where the memory file system goes."""

Progress = Callable[[str, int, int], None]
"""Told before each step: what is being made, how many steps are done, how many there are."""


@dataclass(frozen=True)
class Image:
    """One ELF: its name below the output directory, its sources, its linker script and what it defines."""

    name: str
    sources: tuple[Path, ...]
    link_script: Path
    defines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Built:
    """What build_all made: the kernel, the user programs by their path on the disk, the measuring programs
    by name, and the disk image (None if no data were given for it)."""

    kernel: Path
    user: dict[str, Path]
    measure: dict[str, Path]
    disk: Path | None


def _sources(directory: str) -> tuple[Path, ...]:
    return tuple(sorted((GUESTOS / directory).glob("*.S")))


def kernel_image() -> Image:
    """The kernel: every source in kernel/."""
    return Image("kernel.elf", _sources("kernel"), GUESTOS / "link.ld")


def user_images() -> list[Image]:
    """The programs in assembly: one source in user/ each, and all of user/lib/."""
    library = _sources("user/lib")
    return [
        Image(f"user/{source.stem}.elf", (*library, source), GUESTOS / "user/link.ld")
        for source in _sources("user")
    ]


def _unix_library() -> tuple[Path, ...]:
    return (
        GUESTOS / "user/lib/system_calls.S",
        *_sources("user/bin/lib"),
        *sorted((GUESTOS / "user/bin/lib").glob("*.c")),
    )


def unix_images() -> list[Image]:
    """The UNIX programs, in C: a source in user/bin/ or a folder of them each, and all of user/bin/lib/."""
    library, folder = _unix_library(), GUESTOS / "user/bin"
    programs: dict[str, tuple[Path, ...]] = {source.stem: (source,) for source in folder.glob("*.c")}
    programs |= {
        each.name: tuple(sorted(each.glob("*.c")))
        for each in folder.iterdir()
        if each.is_dir() and each.name != "lib"
    }
    return [
        Image(f"user/bin/{name}.elf", (*library, *sources), GUESTOS / "user/link.ld")
        for name, sources in sorted(programs.items())
    ]


def measure_images() -> list[Image]:
    """The bare-metal measuring programs: one source in measure/ each, and all of measure/lib/."""
    library = _sources("measure/lib")
    return [
        Image(f"measure/{source.stem}.elf", (*library, source), GUESTOS / "measure/link.ld")
        for source in _sources("measure")
    ]


def contention_image() -> Image:
    """The program whose processes read all at once, in C: measure/contention/reads.c, and all of
    user/bin/lib/.
    """
    return Image(
        "measure/reads.elf",
        (*_unix_library(), GUESTOS / "measure/contention/reads.c"),
        GUESTOS / "user/link.ld",
    )


def alternative_images() -> list[Image]:
    """The bare-metal programs that measure other ways to replace code: one scheme a source in
    measure/alternatives/, the harness in measure/alternatives/lib/.
    """
    library = (*_sources("measure/alternatives/lib"), GUESTOS / "measure/lib/print.S")
    return [
        Image(f"alternatives/{source.stem}.elf", (*library, source), GUESTOS / "measure/link.ld")
        for source in _sources("measure/alternatives")
    ]


def disk_files(
    user: Mapping[str, Path], data: Path | bytes, sample: bytes | None = None
) -> dict[str, Source]:
    """What the disk holds: SYSTEM, the user programs by their paths, the file that those of the report read,
    /data, and perhaps a larger one beside it, /sample.
    """
    files: dict[str, Source] = {**SYSTEM, **user, DATA_PATH: data}
    if sample is not None:
        files[SAMPLE_PATH] = sample
    return files


def build(image: Image, output: Path) -> Path:
    """Assemble and link one image below the directory `output`. Raises ToolchainError if it does not
    build.
    """
    return assemble(
        image.sources,
        output / image.name,
        link_script=image.link_script,
        include=[INCLUDE],
        defines=dict(image.defines),
        root=GUESTOS,
    )


def build_all(
    output: Path,
    progress: Progress | None = None,
    *,
    data: Path | bytes | None = None,
    sample: bytes | None = None,
) -> Built:
    """Make every image below the directory `output`: kernel.elf, user/NAME.elf, measure/NAME.elf, and,
    if `data` is given (a host file or the bytes), disk.img with that file as /data and `sample` as /sample.

    What is up to date is not made again. Raises ToolchainError with the assembler's messages.
    """
    kernel, user, unix, measure = kernel_image(), user_images(), unix_images(), measure_images()
    images = [kernel, *user, *unix, *measure]
    steps = len(images) + (data is not None)
    made: dict[str, Path] = {}
    for done, image in enumerate(images):
        if progress is not None:
            progress(image.name, done, steps)
        made[image.name] = build(image, output)
    programs = {f"/{Path(image.name).stem}": made[image.name] for image in user}
    for image in unix:
        name = Path(image.name).stem
        programs["/init" if name == "init" else f"/bin/{name}"] = made[image.name]
    disk = None
    if data is not None:
        if progress is not None:
            progress("disk.img", steps - 1, steps)
        disk = create_image(output / "disk.img", disk_files(programs, data, sample))
    if progress is not None:
        progress("done", steps, steps)
    return Built(
        kernel=made[kernel.name],
        user=programs,
        measure={Path(image.name).stem: made[image.name] for image in measure},
        disk=disk,
    )
