"""Answers to the exercises of lesson 12: right ones, and wrong ones that the checks catch."""

import math

import numpy as np


def level_alone(levels, labels, speakers):
    """The label whose mean, over the other speakers, is nearest."""
    labels, speakers, said = np.array(labels), np.array(speakers), []
    for k in range(len(levels)):
        others = speakers != speakers[k]
        means = {label: levels[others & (labels == label)].mean() for label in sorted(set(labels[others]))}
        said.append(min(means, key=lambda label: abs(means[label] - levels[k])))
    return said


def own_clips_too(levels, labels, speakers):
    """The speaker's own clips are in the means: leakage."""
    labels = np.array(labels)
    means = {label: levels[labels == label].mean() for label in sorted(set(labels))}
    return [min(means, key=lambda label: abs(means[label] - level)) for level in levels]


def nearest_clip(levels, labels, speakers):
    """The nearest clip of another speaker, not the nearest mean."""
    speakers = np.array(speakers)
    distance = np.abs(levels[:, np.newaxis] - levels)
    distance[speakers[:, np.newaxis] == speakers] = np.inf
    return [labels[k] for k in distance.argmin(axis=1)]


def all_but_the_clip(levels, labels, speakers):
    """Leaves out the clip, and not its speaker."""
    return level_alone(levels, labels, list(range(len(levels))))


def leaks(train, test):
    """What two sets share."""
    both = [(set(map(of, train)), set(map(of, test))) for of in (recording, speaker)]
    return tuple(sorted(one & other) for one, other in both)


def recording(name):
    """Speaker, label and recording, without the piece."""
    return name.rpartition("_")[0]


def speaker(name):
    """What stands before the first stroke."""
    return name.split("/")[0]


def same_files(train, test):
    """Only whole clips: pieces of one recording have other names."""
    return sorted(set(train) & set(test)), leaks(train, test)[1]


def first_underscore(train, test):
    """my_dog and my_cat become one recording."""
    both = [{name.split("_")[0] for name in some} for some in (train, test)]
    return sorted(both[0] & both[1]), leaks(train, test)[1]


def without_the_folder(train, test):
    """Everybody's first sentence becomes one recording."""
    both = [{recording(name).split("/")[-1] for name in some} for some in (train, test)]
    return sorted(both[0] & both[1]), leaks(train, test)[1]


def clips_needed(recall, classes, half_width):
    """Solved for n, rounded up, at least one."""
    return max(1, math.ceil(1.96**2 * recall * (1 - recall) / (classes * half_width**2)))


def rounded(recall, classes, half_width):
    """To the nearest whole number, which may be too few."""
    return max(1, round(1.96**2 * recall * (1 - recall) / (classes * half_width**2)))


def in_all(recall, classes, half_width):
    """Clips of all labels together."""
    return max(1, math.ceil(1.96**2 * recall * (1 - recall) / half_width**2))


def whole_width(recall, classes, half_width):
    """The width from end to end."""
    return clips_needed(recall, classes, half_width / 2)


def none_at_all(recall, classes, half_width):
    """No clip, where all are right."""
    return math.ceil(1.96**2 * recall * (1 - recall) / (classes * half_width**2))


WRONG = {
    "level_alone": [own_clips_too, nearest_clip, all_but_the_clip],
    "leaks": [same_files, first_underscore, without_the_folder],
    "clips_needed": [rounded, in_all, whole_width, none_at_all],
}
