package org.beringia.bridge;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** A field of an Arrow schema: a name, a format string of the C Data Interface, and children. Immutable. */
public final class ArrowField {
    private final String name;
    private final String format;
    private final List<ArrowField> children;

    private ArrowField(String name, String format, List<ArrowField> children) {
        this.name = name;
        this.format = format;
        this.children = children;
    }

    /** A field without children. */
    public static ArrowField of(String name, String format) {
        return new ArrowField(name, format, Collections.emptyList());
    }

    public static ArrowField struct(String name, ArrowField... children) {
        return new ArrowField(name, "+s", Collections.unmodifiableList(Arrays.asList(children.clone())));
    }

    /** A list with 64-bit offsets; its child is called {@code item}, whatever name it comes with. */
    public static ArrowField list(String name, ArrowField item) {
        return new ArrowField(name, "+L", Collections.singletonList(item.named("item")));
    }

    public ArrowField named(String newName) {
        return new ArrowField(newName, format, children);
    }

    public String name() {
        return name;
    }

    public String format() {
        return format;
    }

    public List<ArrowField> children() {
        return children;
    }

    /** How many buffers an array of this type has, validity included. */
    public int buffers() {
        switch (format) {
            case "+s":
                return 1;
            case "U":
            case "Z":
                return 3;
            default:
                return 2;
        }
    }

    @Override
    public String toString() {
        return name + ":" + format + (children.isEmpty() ? "" : children.toString());
    }
}
