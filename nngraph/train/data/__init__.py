"""Datasets: made, read, checked, split, standardized, weighted and put into order."""

from nngraph.train.data.augment import Augment as Augment
from nngraph.train.data.augment import augment_from as augment_from
from nngraph.train.data.dataset import Dataset as Dataset
from nngraph.train.data.dataset import from_arrays as from_arrays
from nngraph.train.data.dataset import take as take
from nngraph.train.data.fit import Fitted as Fitted
from nngraph.train.data.fit import check_fit as check_fit
from nngraph.train.data.fit import one_hot as one_hot
from nngraph.train.data.randomness import epoch_order as epoch_order
from nngraph.train.data.sources import DATASETS as DATASETS
from nngraph.train.data.sources import FORMATS as FORMATS
from nngraph.train.data.sources import DataOption as DataOption
from nngraph.train.data.sources import DataSource as DataSource
from nngraph.train.data.specs import load as load
from nngraph.train.data.splits import split as split
from nngraph.train.data.standardizer import Standardizer as Standardizer
from nngraph.train.data.standardizer import fit_standardizer as fit_standardizer
from nngraph.train.data.standardizer import standardize as standardize
from nngraph.train.data.standardizer import standardizer_from_tensors as standardizer_from_tensors
from nngraph.train.data.stored import Stored as Stored
from nngraph.train.data.weights import class_weights as class_weights
from nngraph.train.data.weights import weighted as weighted
