# SPDX-License-Identifier: GPL-2.0-or-later
"""ELF files by pyelftools, for files that nobody vouches for.

The library trusts what it reads. Here its reading is metered, all that it raises becomes ToolchainError,
and what callers rely on is checked: little-endian RISC-V executables of 32 or 64 bits, whose tables,
segments and sections lie within the file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.construct import Container, Struct
from elftools.elf.descriptions import describe_e_machine, describe_e_type
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_NOTE_N_TYPE
from elftools.elf.notes import iter_notes
from elftools.elf.sections import Section, StringTableSection, Symbol, SymbolTableSection

from toolchain.errors import ToolchainError


class _MeteredFile(BytesIO):
    """A file whose bytes can be read some times over, but not for ever.

    Links and offsets of a damaged file can lead a reader over the same bytes again and again, in time
    that grows with the square of the size. A sound file takes at most about six times its size: the
    library fetches names in pieces of 64 bytes.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._left = 8 * len(data) + (1 << 20)

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._left -= len(data) + 1
        if self._left < 0:
            raise ELFError("its tables lead over the same bytes again and again")
        return data


class _Names(StringTableSection):
    """A string table that says so when a name is not in it or is no text."""

    def get_string(self, offset: int) -> str:
        if not offset:
            return ""
        name = super().get_string(offset)
        if "\ufffd" in name:
            raise ELFError(f"the name at offset {offset:#x} of the string table is not UTF-8")
        if offset + len(name.encode()) >= self["sh_size"]:
            raise ELFError(f"the name at offset {offset:#x} is outside its string table")
        return name


class ElfFile:
    """Header, program headers and sections of an ELF file held in memory.

    bits: 32 or 64. loads: headers of the PT_LOAD segments that take memory. sections: all, by index.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        if data[:4] != b"\x7fELF":
            raise self.error("not an ELF file (bad magic number)")
        with self.reading("the ELF header"):
            self._elf = ELFFile(_MeteredFile(data))
            self._check_header()
        self.bits = self._elf.elfclass
        self.entry: int = self._elf["e_entry"]
        self.loads = self._loads()
        with self.reading("the section headers"):
            self.sections = self._sections()

    def error(self, message: str) -> ToolchainError:
        return ToolchainError(f"{self.name}: {message}")

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """In here, whatever the library raises becomes a ToolchainError about `what`."""
        try:
            yield
        except ToolchainError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise self.error(f"{what}: cut short or damaged ({reason})") from error

    def _check_header(self) -> None:
        elf = self._elf
        if not elf.little_endian:
            raise self.error("not little-endian")
        if not elf["e_version"] == elf["e_ident"]["EI_VERSION"] == "EV_CURRENT":
            raise self.error("its ELF version is not 1")
        if elf["e_machine"] != "EM_RISCV":
            machine = elf["e_machine"]
            raise self.error(f"the machine is not RISC-V but {describe_e_machine(machine)} ({machine})")
        if elf["e_type"] not in ("ET_EXEC", "ET_DYN"):
            kind = elf["e_type"]
            raise self.error(f"not an executable but {describe_e_type(kind)} ({kind})")

    def _check_inside(self, what: str, start: int, size: int) -> None:
        if start + size > len(self.data):
            raise self.error(
                f"{what}: bytes {start:#x} to {start + size:#x} lie beyond the file "
                f"({len(self.data)} bytes): cut short?"
            )

    def _headers(self, what: str, layout: Struct, start: int, size: int, count: int) -> list[Container]:
        """A table of program or section headers.

        Not by the library's iterators: they also read, once for each header, what dynamic, hash and
        other tables say, which nobody here wants.
        """
        if count and size < layout.sizeof():
            raise self.error(f"{what}s of {size} bytes instead of {layout.sizeof()}")
        self._check_inside(f"the {what}s", start, size * count)
        with self.reading(f"the {what}s"):
            return [struct_parse(layout, self._elf.stream, start + size * index) for index in range(count)]

    def _loads(self) -> list[Container]:
        elf = self._elf
        layout, start, size = elf.structs.Elf_Phdr, elf["e_phoff"], elf["e_phentsize"]
        found = []
        for index, header in enumerate(self._headers("program header", layout, start, size, elf["e_phnum"])):
            if header.p_type != "PT_LOAD" or not header.p_memsz:
                continue
            where = f"segment {index}"
            self._check_inside(where, header.p_offset, header.p_filesz)
            if header.p_filesz > header.p_memsz:
                raise self.error(
                    f"{where}: {header.p_filesz} bytes in the file, but only {header.p_memsz} in memory"
                )
            if max(header.p_vaddr, header.p_paddr) + header.p_memsz > 1 << self.bits:
                raise self.error(
                    f"{where}: {header.p_memsz:#x} bytes at {header.p_vaddr:#x} "
                    "pass the end of the address space"
                )
            found.append(header)
        return found

    def _sections(self) -> list[Section]:
        elf = self._elf
        layout, start, size = elf.structs.Elf_Shdr, elf["e_shoff"], elf["e_shentsize"]
        headers = self._headers("section header", layout, start, size, elf.num_sections())
        if not headers:
            return []
        for index, header in enumerate(headers):
            if header.sh_type not in ("SHT_NULL", "SHT_NOBITS"):
                self._check_inside(f"section {index}", header.sh_offset, header.sh_size)
        names = self._names(headers, elf.get_shstrndx())
        return [Section(header, names.get_string(header.sh_name), elf) for header in headers]

    def _names(self, headers: Sequence[Container], index: int) -> _Names:
        if index >= len(headers):
            raise self.error(f"section {index}, said to hold names, does not exist")
        return _Names(headers[index], "", self._elf)

    def section(self, name: str) -> Section | None:
        """The first section of that name that has bytes in the file, as they are (not compressed)."""
        return next(
            (
                section
                for section in self.sections
                if section.name == name and section["sh_type"] != "SHT_NOBITS" and not section.compressed
            ),
            None,
        )

    def content(self, name: str) -> bytes:
        """The bytes of that section, none if there is no such section."""
        section = self.section(name)
        with self.reading(f"section {name}"):
            return section.data() if section is not None else b""

    def symbols(self) -> Iterator[Symbol]:
        """The symbols that have names, of all symbol tables; of the dynamic one only if there is no other."""
        headers = [section.header for section in self.sections]
        stripped = all(section["sh_type"] != "SHT_SYMTAB" for section in self.sections)
        for section in self.sections:
            if section["sh_type"] != ("SHT_DYNSYM" if stripped else "SHT_SYMTAB"):
                continue
            where = f"section {section.name}"
            with self.reading(where):
                names = self._names(headers, section["sh_link"])
                table = SymbolTableSection(section.header, section.name, self._elf, names)
                if table["sh_entsize"] != table.structs.Elf_Sym.sizeof():
                    raise self.error(f"{where}: symbols of {table['sh_entsize']} bytes")
                yield from (symbol for symbol in table.iter_symbols() if symbol.name)

    def notes(self, section_name: str) -> Iterator[tuple[int, str, int, bytes]]:
        """(offset in the section, name, type, description) of all notes of a section."""
        section = self.section(section_name)
        if section is None:
            return
        start, size = section["sh_offset"], section["sh_size"]
        done = 0
        with self.reading(f"section {section_name}"):
            for note in iter_notes(self._elf, start, size):
                place, description = note["n_offset"] - start, note["n_descdata"]
                done = place + note["n_size"]
                # The padding behind the last one may be left out.
                if done - (-note["n_descsz"] % 4) > size:
                    raise self.error(
                        f"section {section_name}: note at offset {place:#x} ends beyond the section"
                    )
                # The library gives the types of GNU's notes as names.
                kind: int | str = note["n_type"]
                kind = kind if isinstance(kind, int) else ENUM_NOTE_N_TYPE[kind]
                yield place, note["n_name"], kind, description
            if done < size:
                raise self.error(f"section {section_name}: note at offset {done:#x} is cut short")
